"""Training of networks. Only what needs torch imports it, so that --help does not."""
