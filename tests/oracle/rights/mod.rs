//! Who can become whom, according to the real sudo, doas, polkit, PAM and crypt(3).
//!
//! Each test makes configurations from a fixed seed, in a number that is quick enough for every run.
//! `NIXOSCOPE_ORACLE_SEED` and `NIXOSCOPE_ORACLE_COUNT` choose others and more.

mod doas;
mod generator;
mod pam;
mod passwords;
mod polkit;
mod sudo;
mod world;
