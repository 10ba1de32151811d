//! Kinds of files, known by their first bytes, that are no images or cannot be read.

use super::Region;
use crate::error::Result;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name, with an article.
    pub name: &'static str,
    /// What to do, if there is something.
    pub advice: Option<&'static str>,
}

/// A kind, and the bytes that show it.
struct Row {
    offset: u64,
    magic: &'static [u8],
    known: Known,
}

const fn row(offset: u64, magic: &'static [u8], name: &'static str, advice: Option<&'static str>) -> Row {
    Row { offset, magic, known: Known { name, advice } }
}

const CONVERT: Option<&str> = Some("convert it with `qemu-img convert -O raw`");
const DECRYPT: Option<&str> = Some("open it with `cryptsetup open --readonly`, and give the device /dev/mapper/NAME");
const MOUNT: Option<&str> = Some("mount it read-only, and give the directory");
const ACTIVATE: Option<&str> = Some("activate its volume group, and give the device of the root volume");

/// All kinds. The first that matches counts.
const KINDS: [Row; 27] = [
    row(0, b"LUKS\xba\xbe", "a LUKS encrypted volume", DECRYPT),
    row(0, b"QFI\xfb", "a qcow2 disk image", CONVERT),
    row(0, b"KDMV", "a VMware disk image (vmdk)", CONVERT),
    row(0, b"# Disk DescriptorFile", "a description of a VMware disk (vmdk)", CONVERT),
    row(0, b"conectix", "a dynamic Virtual PC disk image (vhd)", CONVERT),
    row(0, b"vhdxfile", "a Hyper-V disk image (vhdx)", CONVERT),
    row(0, b"QED\0", "a QEMU enhanced disk image (qed)", CONVERT),
    row(0x40, b"\x7f\x10\xda\xbe", "a VirtualBox disk image (vdi)", CONVERT),
    row(0, b"XFSB", "an XFS file system", MOUNT),
    row(0x1_0040, b"_BHRfS_M", "a btrfs file system", MOUNT),
    row(0x400, b"\xe2\xe1\xf5\xe0", "an EROFS file system", MOUNT),
    row(0x400, b"\x10\x20\xf5\xf2", "an F2FS file system", MOUNT),
    row(0x218, b"LVM2 001", "an LVM volume", ACTIVATE),
    row(0x18, b"LVM2 001", "an LVM volume", ACTIVATE),
    row(0x1000, b"\xfc\x4e\x2b\xa9", "a member of a RAID", MOUNT),
    row(0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "a bcachefs file system", MOUNT),
    row(0xff6, b"SWAPSPACE2", "swap space", None),
    row(0, b"hsqs", "a squashfs", None),
    row(0x36, b"FAT1", "a FAT file system", None),
    row(0x52, b"FAT32", "a FAT file system", None),
    row(3, b"NTFS    ", "an NTFS file system", None),
    row(0, b"\x7fELF", "an ELF program", None),
    row(0x202, b"HdrS", "a Linux kernel", Some("give the initrd beside it, or the kexec tarball with both")),
    row(0, b"MZ", "a program for UEFI", None),
    row(0, b"PK\x03\x04", "a zip archive", Some("unpack it, and give the image in it")),
    row(0, b"nix-archive-1", "a NAR", None),
    row(0x101, b"ustar", "a tar archive without an initrd", Some("unpack it, and give the directory or image in it")),
];

/// The kind of what begins with the region.
///
/// # Errors
/// If the region cannot be read.
pub fn known(region: &Region<'_>) -> Result<Option<Known>> {
    for row in &KINDS {
        let mut bytes = [0; 24];
        let Some(wanted) = bytes.get_mut(..row.magic.len()) else { continue };
        if region.read_at(row.offset, wanted)? == row.magic.len() && *wanted == *row.magic {
            return Ok(Some(row.known));
        }
    }
    // A fixed VHD is a raw disk with a footer, so it is read as one.
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Source;

    #[test]
    fn every_kind_is_known_by_its_bytes() {
        for row in &KINDS {
            let mut bytes = vec![0; usize::try_from(row.offset).unwrap()];
            bytes.extend_from_slice(row.magic);
            let source = Source::memory(bytes);
            assert_eq!(known(&Region::whole(&source)).unwrap().map(|known| known.name), Some(row.known.name));
        }
        let source = Source::memory(vec![0; 1 << 17]);
        assert_eq!(known(&Region::whole(&source)).unwrap(), None);
    }
}
