{ lib, rustPlatform, installShellFiles }:
let manifest = (builtins.fromTOML (builtins.readFile ../Cargo.toml)).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;
  src = lib.cleanSource ../.;
  cargoLock.lockFile = ../Cargo.lock;
  nativeBuildInputs = [ installShellFiles ];
  # The other tests run the program on images of all ages, for minutes.
  cargoTestFlags = [ "--lib" "--bins" ];
  postInstall = ''
    for shell in bash fish zsh; do
      $out/bin/nixoscope completions $shell > nixoscope.$shell
    done
    installShellCompletion nixoscope.bash nixoscope.fish --zsh nixoscope.zsh
    $out/bin/nixoscope man man1
    installManPage man1/*.1
  '';
  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "nixoscope";
    platforms = lib.platforms.linux;
  };
}
