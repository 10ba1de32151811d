//! Where an image has its metadata, and how it is spoilt.

use std::fmt::Write;
use std::ops::Range;

use crate::random::Random;

/// Numbers that parsers get wrong.
const NUMBERS: [u32; 12] =
    [0, 1, 2, 0x7f, 0xff, 0x800, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/// Beginnings and frequent parts of a disc's texts: boot menus, and a registration.
const TEXTS: [&[u8]; 4] = [b"menuentry ", b"LABEL ", b"title ", b"/nix/store/"];

/// Bytes of such a text that are spoilt.
const TEXT: usize = 8192;

/// The parts of an image that say where the others are.
pub(crate) struct Areas {
    areas: Vec<Range<usize>>,
    /// The offset of a number in both byte orders, least significant byte first (ECMA-119).
    both_order: Vec<usize>,
}

impl Areas {
    /// Finds the metadata of a volume, of an archive, of an archive in a volume, and of a disk.
    pub(crate) fn of(image: &[u8]) -> Self {
        let mut areas = Vec::new();
        if image.get(0x8001..0x8006) == Some(b"CD001") {
            // Partition tables; then descriptors, path tables and directories, which all writers put first.
            areas.push(0x1b0..0x400.min(image.len()));
            areas.push(0x8000..0x1_8000.min(image.len()));
            areas.push(0x8000..0x9000.min(image.len()));
        }
        let begins = (0..image.len()).step_by(2048).filter(|&at| image.get(at..at + 4) == Some(b"hsqs"));
        for start in begins {
            let number = |at: usize| {
                let bytes = image.get(start + at..start + at + 8)?;
                usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
            };
            let (Some(used), Some(inodes)) = (number(40), number(64)) else { continue };
            areas.push(start..start + 96);
            areas.push(start + inodes..(start + used).min(image.len()));
        }
        // The superblock of ext4, and what follows it: group descriptors, inodes and directories.
        let volumes =
            (0..image.len()).step_by(512).filter(|&at| image.get(at + 0x438..at + 0x43a) == Some(&[0x53, 0xef]));
        for start in volumes.take(2) {
            areas.push(start + 0x400..(start + 0x600).min(image.len()));
            areas.push(start + 0x800..(start + 0x1_0000).min(image.len()));
        }
        let metadata = areas.len();
        for text in TEXTS {
            let begins = image.windows(text.len()).position(|window| window == text);
            areas.extend(begins.map(|at| at..(at + TEXT).min(image.len())));
        }
        areas.retain(|area| !area.is_empty());
        areas.push(0..image.len());
        let both_order = areas[..metadata.min(areas.len())].iter().cloned().flatten().filter(|&at| {
            let number = image.get(at..at + 4).zip(image.get(at + 4..at + 8));
            number.is_some_and(|(little, big)| little != [0; 4] && little.iter().eq(big.iter().rev()))
        });
        Self { both_order: both_order.collect(), areas }
    }

    /// Changes one to four things, and says which.
    pub(crate) fn change(&self, image: &mut [u8], random: &mut Random) -> String {
        let mut changes = String::new();
        for _ in 0..=random.below(4) {
            let area = self.areas[random.below(self.areas.len())].clone();
            let at = area.start + random.below(area.len());
            let number = match random.below(3) {
                0 => NUMBERS[random.below(NUMBERS.len())],
                1 => u32::try_from(random.below(image.len())).unwrap_or(0),
                _ => u32::try_from(random.below(1 << 32)).unwrap_or(0),
            };
            match random.below(6) {
                0 => change(image, at, &[image[at] ^ 1 << random.below(8)], &mut changes),
                1 => change(image, at, &number.to_le_bytes()[..1], &mut changes),
                2 => change(image, at, &number.to_le_bytes(), &mut changes),
                // A reader that compares both orders gets past this one.
                3 | 4 if !self.both_order.is_empty() => {
                    let at = self.both_order[random.below(self.both_order.len())];
                    change(image, at, &[number.to_le_bytes(), number.to_be_bytes()].concat(), &mut changes);
                }
                // What is valid elsewhere.
                _ => {
                    let length = (1 + random.below(64)).min(area.len());
                    let from = area.start + random.below(area.len() - length + 1);
                    let copied = image[from..from + length].to_vec();
                    change(image, at, &copied, &mut changes);
                }
            }
        }
        changes
    }
}

fn change(image: &mut [u8], at: usize, bytes: &[u8], changes: &mut String) {
    let bytes = &bytes[..bytes.len().min(image.len() - at)];
    image[at..at + bytes.len()].copy_from_slice(bytes);
    let _ = write!(changes, " {at:#x}={}", data_encoding::HEXLOWER.encode(bytes));
}
