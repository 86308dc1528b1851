# What packaging/nix/package.nix takes from nixpkgs, with this machine's programs in place of nixpkgs': nix evaluates and builds the recipe, and
# checks the hash of the archive, without nixpkgs. Phases are run in the order and with the variables of nixpkgs' setup.sh.
let
  lib = {
    optionals = condition: list: if condition then list else [ ];
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
    # What nixpkgs calls these licences, with their names of SPDX.
    licenses = {
      mit = "MIT";
      asl20 = "Apache-2.0";
      zlib = "Zlib";
      boost = "BSL-1.0";
      llvm-exception = "LLVM-exception";
      unlicense = "Unlicense";
    };
  };
  # Attributes that refer to the finished derivation.
  mkDerivation = recipe:
    let
      attributes = recipe (attributes // { finalPackage = result; });
      result = derivation
        {
          name = "${attributes.pname}-${attributes.version}";
          system = builtins.currentSystem;
          builder = "/bin/bash";
          args = [ "-euc" phases ];
          PATH = builtins.getEnv "PATH";
          RUSTUP_HOME = builtins.getEnv "RUSTUP_HOME";
          HOME = "/homeless-shelter";
          inherit (attributes) src outputs makeFlags installTargets checkPhase;
          doCheck = attributes.doCheck && builtins.getEnv "CHECK" == "yes";
          preBuild = attributes.preBuild or "";
        } // { inherit (attributes) meta version; };
    in
    result;
  phases = ''
    tar -xf "$src"
    cd */
    eval "$preBuild"
    make $makeFlags
    runHook() { :; }
    [ -z "$doCheck" ] || eval "$checkPhase"
    make $makeFlags $installTargets
  '';
  packages = {
    inherit lib;
    stdenv = {
      inherit mkDerivation;
      cc.targetPrefix = "";
    };
    # Nix's own, which checks the hash.
    fetchurl = import <nix/fetchurl.nix>;
    cargo = null;
    rustc = null;
    pkg-config = null;
    check = null;
  };
in
{
  callPackage = path: arguments:
    let recipe = import path; in recipe (builtins.intersectAttrs (builtins.functionArgs recipe) packages // arguments);
}
