"""What networks hold: activations over photographs, spectra, factors, judges."""
