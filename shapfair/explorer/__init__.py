"""The budget explorer: a page that allocates while one moves the budgets, in plain JavaScript.

The book shows it with the recorded tables, ``shapfair explore`` with a table of one's own.
"""
