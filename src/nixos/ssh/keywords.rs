//! The keywords of `sshd_config` (sshd_config(5)).

/// The keywords that decide on who gets in; lines of others are passed over.
pub(super) const DECIDING: [&str; 22] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "denygroups",
    "denyusers",
    "forcecommand",
    "kbdinteractiveauthentication",
    "listenaddress",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "port",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "revokedkeys",
    "trustedusercakeys",
    "usepam",
];

/// Older names of those.
const ALIASES: [(&str, &str); 3] = [
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
];

/// All others that sshd of any time knows, in one text.
const OTHERS: &str = " acceptenv addressfamily afstokenpassing allowagentforwarding allowstreamlocalforwarding \
    allowtcpforwarding authorizedkeyscommanduser authorizedkeysfile2 authorizedprincipalscommanduser banner \
    casignaturealgorithms channeltimeout checkmail chrootdirectory ciphers clientalivecountmax clientaliveinterval \
    compression disableforwarding exposeauthinfo fingerprinthash gatewayports gssapiauthentication gssapicleanupcredentials \
    gssapicleanupcreds gssapidelegatecredentials gssapiindicators gssapikexalgorithms gssapikeyexchange \
    gssapistorecredentialsonrekey gssapistrictacceptorcheck hostbasedacceptedalgorithms hostbasedacceptedkeytypes \
    hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostdsakey hostkey hostkeyagent \
    hostkeyalgorithms hpnbuffersize hpndisabled ignorerhosts ignorerootrhosts ignoreuserknownhosts include ipqos keepalive \
    kerberosauthentication kerberosgetafstoken kerberosorlocalpasswd kerberostgtpassing kerberosticketcleanup \
    kerberosuniqueccache kexalgorithms keyregenerationinterval logingracetime loglevel logverbose macs match maxauthtries \
    maxsessions maxstartups modulifile noneenabled nonemacenabled pamauthenticationviakbdint pamservicename permitlisten \
    permitopen permittty permittunnel permituserenvironment permituserrc persourcemaxstartups persourcenetblocksize \
    persourcepenalties persourcepenaltyexemptlist pidfile printlastlog printmotd protocol pubkeyauthoptions rdomain \
    rekeylimit requiredrsasize reversemappingcheck rhostsauthentication rhostsrsaauthentication rsaauthentication \
    securitykeyprovider serverkeybits setenv skeyauthentication sshdauthpath sshdsessionpath streamlocalbindmask \
    streamlocalbindunlink strictmodes subsystem syslogfacility tcpkeepalive tcprcvbuf tcprcvbufpoll unusedconnectiontimeout \
    usebpf usedns uselogin useprivilegeseparation verifyreversemapping versionaddendum x11displayoffset x11forwarding \
    x11maxdisplays x11uselocalhost xauthlocation ";

/// Keywords that take `yes` or `no` and nothing else.
const FLAGS: [&str; 6] = [
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "permitemptypasswords",
    "pubkeyauthentication",
    "refuseconnection",
    "usepam",
];

/// What `PermitRootLogin` takes.
const ROOT: [&str; 5] = ["yes", "no", "prohibit-password", "without-password", "forced-commands-only"];

/// The name that a keyword has today, in lower case.
pub(super) fn today(keyword: &str) -> String {
    let keyword = keyword.to_ascii_lowercase();
    ALIASES.iter().find(|(old, _)| *old == keyword).map_or(keyword, |(_, new)| (*new).to_owned())
}

/// Why sshd does not start with a line; none where nothing is seen that is wrong.
pub(super) fn mistake(line: &str, keyword: &str, arguments: &[String]) -> Option<String> {
    let known = DECIDING.contains(&keyword) || OTHERS.contains(&format!(" {keyword} "));
    let allowed: &[&str] = match keyword {
        "permitrootlogin" => &ROOT,
        flag if FLAGS.contains(&flag) => &["yes", "no"],
        _ => &[],
    };
    let value = arguments.first().map_or("", String::as_str);
    let shown = line.trim_start().split([' ', '\t', '=', '"']).next().unwrap_or(keyword);
    if !known {
        Some(format!("{shown} is no keyword that is known"))
    } else if line.split('#').next().unwrap_or_default().matches('"').count() % 2 == 1 {
        Some(format!("a quote of {shown} is not closed"))
    } else if arguments.is_empty() {
        Some(format!("{shown} has no value"))
    } else if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(value)) {
        Some(format!("{shown} cannot be {value}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn what_sshd_would_not_start_with_is_told() {
        for (line, expected) in [
            ("PermitRootLogin prohibit-password", None),
            ("Subsystem sftp internal-sftp", None),
            ("UsePAM Yes", None),
            ("AcceptEnv # it's \"", Some("AcceptEnv has no value")),
            ("PermitRootLogin maybe", Some("PermitRootLogin cannot be maybe")),
            ("PasswordAuthentication=nope", Some("PasswordAuthentication cannot be nope")),
            ("PaswordAuthentication no", Some("PaswordAuthentication is no keyword that is known")),
            ("Banner \"/etc/issue", Some("a quote of Banner is not closed")),
        ] {
            let mut arguments = words(line);
            let keyword = today(&arguments.remove(0));
            assert_eq!(mistake(line, &keyword, &arguments).as_deref(), expected, "{line}");
        }
    }
}
