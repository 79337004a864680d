"""The command line, one file a command; :mod:`shapfair.cli.main` puts them together."""
