//! Remote builders: a second store, which Nix reaches through ssh.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::{Builds, CONFIGURATION};
use crate::tool::{output, tool};

/// An sshd on the loopback device. Who logs in has a `/nix` of their own.
struct Remote {
    sshd: Child,
    folder: PathBuf,
    port: u16,
}

impl Remote {
    fn start(folder: &Path) -> Self {
        let folder = folder.join("remote");
        fs::create_dir_all(folder.join("nix")).unwrap();
        for key in ["host", "own"] {
            output(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)));
        }
        let at = folder.display();
        let program = format!(
            "#!/bin/sh\nexport NIX_REMOTE=local NIX_CONF_DIR={at} HOME={at}\n\
             exec unshare --mount sh -c 'mount --bind {at}/nix /nix && exec nix-store \"$@\"' sh \"$@\"\n"
        );
        fs::write(folder.join("nix-store"), program).unwrap();
        fs::set_permissions(folder.join("nix-store"), PermissionsExt::from_mode(0o755)).unwrap();
        fs::write(folder.join("nix.conf"), CONFIGURATION).unwrap();

        // The port is free again when it is taken.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/own.pub\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPidFile none\n"
        );
        fs::write(folder.join("sshd_config"), configuration).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let sshd = tool("/usr/sbin/sshd").arg("-D").arg("-f").arg(folder.join("sshd_config")).spawn().unwrap();
        let remote = Self { sshd, folder, port };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        remote
    }

    /// The line of `--builders`.
    fn builder(&self) -> String {
        let at = self.folder.display();
        format!("ssh://root@127.0.0.1?remote-program={at}/nix-store&ssh-key={at}/own x86_64-linux - 2")
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

#[test]
fn a_remote_builder_checks_images_in_its_own_store() {
    let mut builds = Builds::new("remote");
    let remote = Remote::start(&builds.folder);
    builds.ssh =
        format!("-p {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR", remote.port);
    let fleet = builds.build("fleet", &["--max-jobs", "0", "--builders", &remote.builder()]);
    fleet.path();
    let there = |line: &&str| line.contains("-check-") && line.contains("on 'ssh://root@127.0.0.1");
    assert_eq!(fleet.log.lines().filter(there).count(), 20, "{}", fleet.log);
}
