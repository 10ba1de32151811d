# The package. Its attributes checkImage, diffImages and manifest make derivations about images; see README.md.
{ pkgs ? import <nixpkgs> { } }:
pkgs.callPackage ./.nix/package.nix { }
