# pkgs.callPackage ./package.nix { }, or with another source: .override { src = …; }. The address and the hash of the archive are explained
# in docs/packaging.md.
{
  lib,
  stdenv,
  fetchurl,
  cargo,
  rustc,
  pkg-config,
  check,
  archives ? "https://numars.example/releases",
  # Without the command, numars-run is a shell script.
  withCommand ? true,
  # libnuma.so.1, numa.h and numa.pc as well: what programs get that are built with this in the place of numactl.
  inPlaceOfLibnuma ? false,
}:

stdenv.mkDerivation (finalAttrs: {
  pname = "numars";
  version = "0.1.0";

  src = fetchurl {
    url = "${archives}/numars-${finalAttrs.version}.tar.xz";
    hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };

  # One output, because the command, the library that it preloads and numars.pc name each other's folders.
  outputs = [ "out" "man" ];

  nativeBuildInputs = [ cargo rustc pkg-config ];
  nativeCheckInputs = [ check ];
  enableParallelBuilding = true;
  doCheck = true;

  # The archive contains all crates, and its .cargo/config.toml names them. cargo writes a lock to its folder.
  preBuild = ''
    export CARGO_HOME=$(mktemp -d)
  '';
  makeFlags = [
    "PREFIX=${placeholder "out"}"
    "LIBDIR=${placeholder "out"}/lib"
    "MANDIR=${placeholder "man"}/share/man"
    "LDCONFIG="
    "CC=${stdenv.cc.targetPrefix}cc"
    "CLI=${if withCommand then "yes" else "no"}"
  ];
  # Without the folders, since the tests install into their own.
  checkPhase = ''
    runHook preCheck
    make check
    runHook postCheck
  '';
  installTargets = if inPlaceOfLibnuma then [ "install-dropin" ] else [ "install" ];

  meta = {
    description = "NUMA policy and page moves, with libnuma's interface, and a command that shows where memory is";
    homepage = "https://numars.example/";
    # The command contains crates under more licences than the libraries.
    license = with lib.licenses; [ mit asl20 ] ++ lib.optionals withCommand [ zlib boost llvm-exception unlicense ];
    mainProgram = if withCommand then "numars" else "numars-run";
    platforms = lib.platforms.linux;
  };
})
