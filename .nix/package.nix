# nixoscope, in the form that callPackage wants. The functions about images are attributes of the package.
{ lib
, rustPlatform
, installShellFiles
, runCommand
, writeText
, stdenv
}:
rustPlatform.buildRustPackage (package: {
  pname = "nixoscope";
  inherit ((builtins.fromTOML (builtins.readFile ../Cargo.toml)).package) version;

  # Changes of the files for Nix do not build it again.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.difference ../. (lib.fileset.unions [
      ../flake.nix ../default.nix ./. (lib.fileset.maybeMissing ../flake.lock) (lib.fileset.maybeMissing ../target)
    ]);
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The other tests take minutes, or compare with tools of Debian.
  cargoTestFlags = [ "--lib" "--test" "cli" "--test" "layers" ];

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    for shell in bash fish zsh; do $out/bin/nixoscope completions $shell > nixoscope.$shell; done
    installShellCompletion --cmd nixoscope --bash nixoscope.bash --fish nixoscope.fish --zsh nixoscope.zsh
    $out/bin/nixoscope man man
    installManPage man/*
  '';

  passthru = import ./images.nix { inherit runCommand writeText; nixoscope = package.finalPackage; };

  meta = {
    description = "Inspector and verifier of NixOS images";
    license = lib.licenses.mit;
    mainProgram = "nixoscope";
    platforms = lib.platforms.unix;
  };
})
