// Placeholder so that the empty target compiles.
