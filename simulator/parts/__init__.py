"""The virtual board's parts and the world around it, each as its data sheet or manual describes it, in virtual time."""
