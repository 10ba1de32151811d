//! The ports on which services listen that open them themselves, as far as a command line or a configuration in the image says.
//!
//! To add a program, add a row to [`PROGRAMS`].

use super::Root;
use super::unit::{Command, Port, Unit};
use crate::error::Result;

/// Limit for the ports of one service. A proxy for many hosts repeats a few.
const MOST: usize = 1_000;

/// Where a program says on which ports it listens.
enum Source {
    /// Always on these.
    Fixed(&'static [(&'static str, u16)]),
    /// On the address in an option. Without the option it is not known.
    Address(&'static str),
    /// On the port in an option, or on this one.
    Number(&'static str, (&'static str, u16)),
    /// Where the configuration of nginx says, which `-c` names.
    Nginx,
}

/// Names of programs, and how they choose their ports. A name that begins with `*` matches all that end so.
const PROGRAMS: [(&str, Source); 8] = [
    ("avahi-daemon", Source::Fixed(&[("udp", 5353)])), // RFC 6762, section 3
    ("nmbd", Source::Fixed(&[("udp", 137), ("udp", 138)])),
    ("nginx", Source::Nginx),
    ("prometheus", Source::Address("--web.listen-address")),
    ("alertmanager", Source::Address("--web.listen-address")),
    ("*_exporter", Source::Address("--web.listen-address")),
    ("*-exporter", Source::Address("--web.listen-address")),
    ("tailscaled", Source::Number("--port", ("udp", 41641))),
];

/// The ports that a unit listens on: those of a socket, or of the programs that a service runs.
///
/// # Errors
/// If a configuration exists but cannot be read.
pub(crate) fn ports(root: &Root<'_>, unit: &Unit) -> Result<Vec<Port>> {
    let mut ports = unit.ports();
    for command in unit.commands("ExecStart") {
        ports.extend(of_command(root, &command)?);
    }
    // A port of a loopback address and of others is one of others.
    ports.sort_unstable();
    ports.dedup_by_key(|port| (port.protocol, port.number));
    Ok(ports)
}

/// The ports of the program that a command runs. Empty if it is not among [`PROGRAMS`], or if the image does not say.
fn of_command(root: &Root<'_>, command: &Command) -> Result<Vec<Port>> {
    let name = command.program.rsplit('/').next().unwrap_or_default();
    let is_named = |pattern: &str| match pattern.strip_prefix('*') {
        Some(end) => name.ends_with(end),
        None => name == pattern,
    };
    let Some((_, source)) = PROGRAMS.iter().find(|(pattern, _)| is_named(pattern)) else { return Ok(Vec::new()) };
    Ok(match source {
        Source::Fixed(fixed) => {
            fixed.iter().map(|&(protocol, number)| Port { protocol, number, loopback: false }).collect()
        }
        Source::Address(option) => {
            let address = command.option(option).and_then(address);
            address.into_iter().map(|(number, loopback)| Port { protocol: "tcp", number, loopback }).collect()
        }
        Source::Number(option, (protocol, usual)) => {
            let number = command.option(option).map_or(Some(*usual), |value| value.parse().ok());
            // A zero leaves the choice to the kernel.
            let number = number.filter(|number| *number > 0);
            number.into_iter().map(|number| Port { protocol, number, loopback: false }).collect()
        }
        Source::Nginx => match command.arguments.iter().skip_while(|word| *word != "-c").nth(1) {
            Some(file) => root.text(file)?.map(|text| nginx(&text)).unwrap_or_default(),
            None => Vec::new(),
        },
    })
}

/// The addresses of all `listen` directives (ngx_http_core_module).
fn nginx(text: &str) -> Vec<Port> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let statements = lines.flat_map(|line| line.split([';', '{', '}']));
    let listens = statements.filter_map(|statement| statement.trim().strip_prefix("listen")?.strip_prefix([' ', '\t']));
    let port = |words: &str| {
        let mut words = words.split_whitespace();
        let first = words.next()?.trim_matches(['"', '\'']);
        let protocol = if words.any(|word| word == "quic") { "udp" } else { "tcp" };
        let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
        let is_bare = || !first.contains(':') || first.ends_with(']');
        let (number, loopback) = match first {
            _ if first.starts_with("unix:") => return None,
            _ if is_number => (first.parse().ok()?, false),
            // An address without a port has the usual one.
            _ if is_bare() => (80, is_loopback(first)),
            _ => address(first)?,
        };
        Some(Port { protocol, number, loopback })
    };
    listens.filter_map(port).take(MOST).collect()
}

/// The port of `HOST:PORT`, and whether only the machine itself reaches it.
fn address(text: &str) -> Option<(u16, bool)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((port.parse().ok()?, is_loopback(host)))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    /// The ports of a command, in words.
    fn of(program: &str, arguments: &[&str], config: &str) -> String {
        let made = Made::of(&[("/s/init", ""), ("/c/nginx.conf", config)]);
        let command = Command {
            program: format!("/nix/store/x/bin/{program}"),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            as_root: false,
            file: "/x".into(),
            line: 1,
        };
        let mut ports = of_command(&made.system(), &command).unwrap();
        ports.sort_unstable();
        ports.dedup();
        let shown = ports.iter().map(|port| format!("{port}{}", if port.loopback { " on loopback" } else { "" }));
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn ports_are_those_of_the_program_its_options_or_its_configuration() {
        for (program, arguments, expected) in [
            ("avahi-daemon", &[][..], "udp 5353"),
            ("node_exporter", &["--web.listen-address", "0.0.0.0:9100"], "tcp 9100"),
            ("node_exporter", &["--web.listen-address=localhost:9100"], "tcp 9100 on loopback"),
            ("node_exporter", &[], ""),
            ("tailscaled", &["--port=41000"], "udp 41000"),
            ("tailscaled", &["--port", "0"], ""),
            ("tailscaled", &[], "udp 41641"),
            ("hello", &["--port", "80"], ""),
            ("nginx", &["-c", "/c/gone.conf"], ""),
        ] {
            assert_eq!(of(program, arguments, ""), expected, "{program} {arguments:?}");
        }
    }

    #[test]
    fn nginx_listens_where_its_configuration_says() {
        let config = "http { server { listen 80 default_server; listen [::]:443 ssl; listen 443 quic;\n\
                      # listen 1;\nlisten unix:/run/x; listen 127.0.0.1:8080; listen 10.0.0.1; listen *:81;\n\
                      listen localhost:8080; listen_other 5; } }";
        let expected = "tcp 80, tcp 81, tcp 443, tcp 8080 on loopback, udp 443";
        assert_eq!(of("nginx", &["-c", "/c/nginx.conf"], config), expected);
    }
}
