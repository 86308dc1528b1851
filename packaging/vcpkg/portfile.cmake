# The address and the checksum of the archive are explained in docs/packaging.md.
set(NUMARS_ARCHIVES "https://numars.example/releases")

vcpkg_download_distfile(ARCHIVE
    URLS "${NUMARS_ARCHIVES}/numars-${VERSION}.tar.xz"
    FILENAME "numars-${VERSION}.tar.xz"
    SHA512 00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
)
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

# vcpkg has no Rust: cargo is the machine's.
find_program(MAKE NAMES gmake make REQUIRED)
find_program(CARGO NAMES cargo REQUIRED)

# Without the command: programs use vcpkg's libraries.
set(SETTINGS "LDCONFIG=" "CLI=no" "CARGO=${CARGO}")
if(VCPKG_LIBRARY_LINKAGE STREQUAL "dynamic")
    list(APPEND SETTINGS "STATIC=no")
else()
    list(APPEND SETTINGS "SHARED=no")
endif()
if("dropin" IN_LIST FEATURES)
    set(INSTALL install-dropin)
else()
    set(INSTALL install)
endif()

# The archive contains all crates; nothing is fetched. Rust compiles the library the same for debug and release.
foreach(BUILD_TYPE IN ITEMS release debug)
    if(DEFINED VCPKG_BUILD_TYPE AND NOT VCPKG_BUILD_TYPE STREQUAL BUILD_TYPE)
        continue()
    endif()
    set(FOLDER "${CURRENT_PACKAGES_DIR}")
    if(BUILD_TYPE STREQUAL "debug")
        string(APPEND FOLDER "/debug")
    endif()
    vcpkg_execute_required_process(
        COMMAND "${MAKE}" all ${INSTALL} "PREFIX=${FOLDER}" "LIBDIR=${FOLDER}/lib" "BINDIR=${FOLDER}/bin" ${SETTINGS}
        WORKING_DIRECTORY "${SOURCE_PATH}"
        LOGNAME "build-${TARGET_TRIPLET}-${BUILD_TYPE}"
    )
endforeach()

# The script numars-run has the folder of the package in it, which is another one later.
file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/bin"
    "${CURRENT_PACKAGES_DIR}/debug/bin"
    "${CURRENT_PACKAGES_DIR}/debug/include"
    "${CURRENT_PACKAGES_DIR}/debug/share"
    "${CURRENT_PACKAGES_DIR}/share/man/man1"
)
vcpkg_fixup_pkgconfig()
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE-MIT" "${SOURCE_PATH}/LICENSE-APACHE")
