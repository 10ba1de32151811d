# What flake.nix and .nix use of nixpkgs. The builder is Debian's bash, and the program that cargo has built lies beside this file.
{ system ? "x86_64-linux" }:
let
  pkgs = rec {
    lib = import ./lib.nix;

    # The log shows when a build starts and ends.
    runCommand = name: env: script:
      derivation ({
        inherit name system;
        builder = "/bin/bash";
        args = [ "-c" ''
          set -eu -o pipefail
          if [ -n "''${NIX_ATTRS_SH_FILE-}" ]; then
            . "$NIX_ATTRS_SH_FILE"
            out=''${outputs[out]}
            PATH=/usr/bin:/bin
          fi
          echo "started $(date +%s%N)" >&2
          trap 'echo "ended $(date +%s%N)" >&2' EXIT
          ${script}
        '' ];
        PATH = "/usr/bin:/bin";
      } // removeAttrs env [ "passthru" ]) // env.passthru or { };

    writeText = name: text: builtins.toFile name text;

    callPackage = file: overrides:
      let f = if builtins.isPath file then import file else file; in
      f (builtins.intersectAttrs (builtins.functionArgs f) pkgs // overrides);

    formats.json = { }: { type = "anything"; };

    stdenv = { buildPlatform.canExecute = _: true; hostPlatform = { }; };
    clippy = null;
    rustfmt = null;
    rust-analyzer = null;
    mkShell = { inputsFrom, packages }: runCommand "shell" { inherit inputsFrom; } "touch $out";

    installShellFiles = ''
      installShellCompletion() { # --cmd NAME, then a flag and a file for each shell
        local name=$2
        shift 2
        while [ $# -gt 0 ]; do
          case $1 in
            --bash) install -Dm644 "$2" "$out/share/bash-completion/completions/$name.bash" ;;
            --fish) install -Dm644 "$2" "$out/share/fish/vendor_completions.d/$name.fish" ;;
            --zsh) install -Dm644 "$2" "$out/share/zsh/site-functions/_$name" ;;
          esac
          shift 2
        done
      }
      installManPage() { install -Dm644 -t "$out/share/man/man1" "$@"; }
    '';

    rustPlatform.buildRustPackage = f:
      let
        package = f { finalPackage = built; };
        built = runCommand "${package.pname}-${package.version}" { inherit (package) passthru; } ''
          ${builtins.concatStringsSep "\n" package.nativeBuildInputs}
          install -D ${./nixoscope} $out/bin/nixoscope
          ${package.postInstall}
        '' // { inherit (package) meta; };
      in
      built;
  };
in
pkgs
