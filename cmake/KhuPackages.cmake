# Every outside library, each with the reason it is here. All come from Debian 12 (tools/deps).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)   # Asio, Beast: one TLS port; Describe, Mp11, JSON: one description of every struct
find_package(OpenSSL 3 REQUIRED)                    # TLS 1.3, X.509, SHA-256, HMAC, random: one crypto library
find_package(fmt 9 REQUIRED)                        # GCC 12 has no <format>
find_package(spdlog 1.10 REQUIRED)                  # daemon and agent logs
find_package(CLI11 2 REQUIRED)                      # options of the programs
find_package(yaml-cpp 0.7 REQUIRED)                 # YAML tokens, under our strict reader in config/
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)   # the durable store
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)  # sums of snapshots: 1 GB of them is read twice at a restart
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)       # topology and binding
find_package(LibLZMA REQUIRED)                      # packed traces (.xz), read by khu plan alone
find_package(ZLIB REQUIRED)                         # the same for .gz
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)  # metrics registry and text; our own HTTP serves it
if(KHU_BUILD_TESTS)
    find_package(GTest REQUIRED)                    # GoogleTest and GoogleMock
    find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)   # property tests (librapidcheck-dev has no CMake package)
    add_library(rapidcheck INTERFACE)
    target_link_libraries(rapidcheck INTERFACE ${RAPIDCHECK_LIBRARY})
endif()
if(KHU_BUILD_BENCHMARKS)
    find_package(benchmark REQUIRED)                # Google Benchmark
endif()
