# nix-build; or `(import ./. { }).lib.checkImage { image = …; policy = …; }` without flakes.
{ pkgs ? import <nixpkgs> { } }:
let nixoscope = pkgs.callPackage ./nix/package.nix { };
in
nixoscope // {
  lib = import ./nix/lib.nix {
    inherit (pkgs) runCommand writeText;
    inherit nixoscope;
  };
}
