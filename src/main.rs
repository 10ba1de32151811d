//! The command line of nixoscope.

fn main() {}
