"""What is this paper's alone: experiments, networks, texts, dropout, the carried optimiser."""
