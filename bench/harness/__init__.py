"""What the programs in bench/ share: clusters, sysbench, HAProxy, /proc, and tables of results."""
