//! SquashFS 4.0.
