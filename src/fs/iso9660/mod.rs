//! ISO 9660 (ECMA-119, 2nd edition 1987), with Rock Ridge, Joliet, El Torito and the partition tables of isohybrid images.
