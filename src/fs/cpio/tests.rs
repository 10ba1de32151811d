use super::*;

/// A member as cpio writes it.
fn member(name: &str, mode: u32, contents: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
        1,
        0,
        0,
        1,
        1,
        contents.len(),
        0,
        0,
        0,
        0,
        name.len() + 1,
        0
    )
    .into_bytes();
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    while bytes.len() % 4 != 0 {
        bytes.push(0);
    }
    bytes.extend_from_slice(contents);
    while bytes.len() % 4 != 0 {
        bytes.push(0);
    }
    bytes
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(|(name, contents)| member(name, 0o100_644, contents)).collect();
    bytes.extend(member("TRAILER!!!", 0, b""));
    bytes
}

/// The paths and contents of an initrd, and the compression of its parts.
fn list(bytes: &[u8]) -> std::result::Result<(Vec<String>, String), String> {
    let mut found = Vec::new();
    let mut visit = |member: &Member, contents: &mut dyn Read| {
        let mut text = String::new();
        contents.read_to_string(&mut text).unwrap();
        found.push(format!("{} {text}", String::from_utf8_lossy(&member.path)));
        Ok(ControlFlow::Continue(()))
    };
    let parts = read(&mut &*bytes, "/initrd", &mut visit).map_err(|error| error.to_string())?;
    Ok((found, parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
}

#[test]
fn archives_behind_one_another_are_read_whether_compressed_or_not() {
    let zstd = zstd::encode_all(&*archive(&[("./etc/shadow", b"root::"), ("init", b"x")]), 1).unwrap();
    let bytes = [archive(&[("kernel/x86/microcode", b"abc")]), vec![0; 512], zstd, vec![0; 3]].concat();
    let (found, parts) = list(&bytes).unwrap();
    assert_eq!(found, ["/kernel/x86/microcode abc", "/etc/shadow root::", "/init x"]);
    assert_eq!(parts, "none zstd");
}

#[test]
fn a_name_leads_nowhere_but_below_the_root() {
    let (found, _) = list(&archive(&[("/absolute", b""), ("../../etc/passwd", b""), (".", b"")])).unwrap();
    assert_eq!(found, ["/absolute ", "/etc/passwd ", "/ "]);
}

#[test]
fn a_visitor_may_leave_contents_unread_and_break_off() {
    let bytes = archive(&[("a", &[7; 1001]), ("b", b"b"), ("c", b"c")]);
    let mut seen = Vec::new();
    read(&mut &*bytes, "/initrd", &mut |member, _| {
        seen.push(member.path.clone());
        Ok(if member.path == b"/b" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .unwrap();
    assert_eq!(seen, [b"/a", b"/b"]);
}

#[test]
fn what_is_broken_is_told() {
    let whole = archive(&[("a", b"contents")]);
    let mut zstd = zstd::encode_all(&*whole, 1).unwrap();
    zstd.truncate(zstd.len() - 4);
    let mut huge = whole.clone();
    huge[54..62].copy_from_slice(b"ffffffff");
    for (bytes, error) in [
        (b"hello".to_vec(), "initrd at /initrd: invalid magic number"),
        (whole[..50].to_vec(), "initrd at /initrd: invalid compressed contents"),
        (zstd, "initrd at /initrd: invalid compressed contents"),
        (huge, "4 GiB of an initrd at /initrd: over the limit"),
        ([&whole[..whole.len() - 20], b"070701zz"].concat(), "initrd at /initrd: invalid compressed contents"),
    ] {
        assert_eq!(list(&bytes).unwrap_err(), error);
    }
}
