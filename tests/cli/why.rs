//! `why`: chains of references, what holds them, and what they bring in.

use crate::support::{fixture, run};

const TODAY: &str = "nixos-system-nixos-25.11.1234.abcdef";

fn why(arguments: &[&str]) -> (Option<i32>, String, String) {
    let today = fixture("today/result").display().to_string();
    let mut all = vec!["why", &today];
    all.extend(arguments);
    let run = run(&all);
    (run.code, run.out, run.errors)
}

#[test]
fn the_shortest_chain_leads_from_the_default_system_to_the_package() {
    let chain = format!(
        "/nix/store/vq7a8hpjpg68svrnjzmv4k17ss541hc9-{TODAY}
  -> /nix/store/7wjp1mpnc591wqjlj3fy1svc39md90kp-{TODAY}
    -> /nix/store/hv2hkc1fscmlw1f8viqrski3vzr1k5s8-system-path
      -> /nix/store/hh9ih50knam49msi65jwdzz6spzgqlxh-gnome-installer-env
        -> /nix/store/zw35v64s4cdwgykspqqwm59khzcyjf5y-firefox-145.0
"
    );
    for package in ["firefox", "firefox@>=140", "/nix/store/zw35v64s4cdwgykspqqwm59khzcyjf5y-firefox-145.0"] {
        assert_eq!(why(&[package]), (Some(0), chain.clone(), String::new()), "{package}");
    }
}

#[test]
fn the_files_that_hold_a_reference_are_named() {
    let files = "\
/nix/store/hh9ih50knam49msi65jwdzz6spzgqlxh-gnome-installer-env
     /bin/firefox
     /share/applications/firefox.desktop
  -> /nix/store/zw35v64s4cdwgykspqqwm59khzcyjf5y-firefox-145.0
";
    assert_eq!(why(&["gnome-installer-env", "firefox", "--files"]), (Some(0), files.to_owned(), String::new()));
}

#[test]
fn every_reference_of_the_starting_point_that_leads_to_the_package_has_its_chain() {
    let (code, out, errors) = why(&["--all", "glibc"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let second: Vec<&str> = out.split("\n\n").filter_map(|chain| chain.lines().nth(1)).collect();
    assert!(second.len() > 3 && second.windows(2).all(|pair| pair[0] != pair[1]), "{out}");
}

#[test]
fn the_reverse_question_shows_what_would_go_with_a_package() {
    let page = "\
PACKAGE        SIZE
firefox 145.0  1.4 KiB

1 store path, 1.4 KiB would go with it; its closure is 23 store paths, 26.5 KiB
";
    assert_eq!(why(&["--reverse", "firefox"]), (Some(0), page.to_owned(), String::new()));
}

#[test]
fn what_is_not_there_or_not_referred_to_is_a_failure_with_its_reason() {
    let missing = (Some(1), String::new(), "nixoscope: firefoxx: not in the image; nearest: firefox\n".to_owned());
    assert_eq!(why(&["firefoxx"]), missing);
    let (code, out, errors) = why(&["firefox", "gnome-installer-env"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(
        errors,
        "nixoscope: /nix/store/hh9ih50knam49msi65jwdzz6spzgqlxh-gnome-installer-env: no chain of references leads to it \
         from firefox\n"
    );
}

#[test]
fn a_graph_for_graphviz_has_each_store_path_once() {
    let (code, out, _) = why(&["--dot", "firefox"]);
    assert_eq!(code, Some(0));
    assert_eq!((out.matches("[label = ").count(), out.matches(" -> ").count()), (5, 4), "{out}");
}
