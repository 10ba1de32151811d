//! Builds the bytes of small volumes, for tests.

/// A 32-bit number in both byte orders.
pub(super) fn both32(number: u32) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A directory record of 1980-01-01 without system use.
pub(super) fn record(identifier: &[u8], location: u32, length: u32, flags: u8) -> Vec<u8> {
    record_with(identifier, location, length, flags, &[])
}

/// A directory record with this system use field.
pub(super) fn record_with(identifier: &[u8], location: u32, length: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both32(location));
    record.extend(both32(length));
    record.extend([80, 1, 1, 0, 0, 0, 0, flags, 0, 0, 1, 0, 0, 1]);
    record.push(identifier.len().try_into().unwrap());
    record.extend(identifier);
    record.extend(vec![0; usize::from(identifier.len().is_multiple_of(2))]);
    record.extend(system_use);
    record[0] = record.len().try_into().unwrap();
    record
}

/// A system use entry.
pub(super) fn system_use(signature: &[u8; 2], data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len() + 4).unwrap();
    [&signature[..], &[length, 1], data].concat()
}

/// A Rock Ridge name.
pub(super) fn name(name: &[u8]) -> Vec<u8> {
    system_use(b"NM", &[&[0], name].concat())
}

/// POSIX attributes of a file owned by root.
pub(super) fn mode(mode: u32) -> Vec<u8> {
    system_use(b"PX", &[both32(mode), both32(1), both32(0), both32(0)].concat())
}

/// A volume descriptor with this type, version and escape sequence. Its root is a directory of one sector in
/// block 30, or in block 31 for a supplementary descriptor.
pub(super) fn descriptor(kind: u8, version: u8, escape: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b' '; 2048];
    bytes[0] = kind;
    bytes[1..6].copy_from_slice(b"CD001");
    bytes[6..8].copy_from_slice(&[version, 0]);
    if kind == 0 {
        bytes[7..71].fill(0);
        bytes[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
        bytes[71..75].copy_from_slice(&20u32.to_le_bytes());
        return bytes;
    }
    for (at, text) in [(8, "LINUX"), (40, "nixos-test"), (318, "NIXOS")] {
        let text = match escape.is_empty() {
            true => text.as_bytes().to_vec(),
            false => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        bytes[at..at + text.len()].copy_from_slice(&text);
    }
    if !escape.is_empty() {
        bytes[40..72].iter_mut().skip(20).step_by(2).for_each(|high| *high = 0);
    }
    bytes[80..88].copy_from_slice(&both32(40));
    bytes[88..120].fill(0);
    bytes[88..88 + escape.len()].copy_from_slice(escape);
    bytes[128..132].copy_from_slice(&[0, 8, 8, 0]);
    bytes[156..190].copy_from_slice(&record(&[0], 29 + u32::from(kind), 2048, 2));
    bytes[813..830].copy_from_slice(b"1980010100000000\0");
    bytes[830..881].copy_from_slice(&b"0000000000000000\0".repeat(3));
    bytes
}

/// An image with these logical sectors from sector 16 on.
pub(super) fn sectors(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut image = vec![0; 16 * 2048];
    for content in contents {
        image.extend(content);
        image.resize(image.len().next_multiple_of(2048), 0);
    }
    image
}

/// A volume with these descriptors and these blocks. The last block in the list ends the image.
pub(super) fn volume(descriptors: &[Vec<u8>], blocks: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut image = sectors(descriptors);
    for (block, content) in blocks {
        let start = block * 2048;
        image.resize(image.len().max((start + content.len()).next_multiple_of(2048)), 0);
        image[start..start + content.len()].copy_from_slice(content);
    }
    image
}
