"""Analysis of networks: activations over photographs, spectra, factors, judges."""
