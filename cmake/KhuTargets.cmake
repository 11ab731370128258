# The kinds of target of this project. A target reads like a row of the table of libraries.

# khu_library(NAME [PURE] SOURCES... LINKS...)
# PURE marks a library that may not see the world; tests/house reads its symbols and holds it to that.
function(khu_library name)
    cmake_parse_arguments(A "PURE" "" "SOURCES;LINKS" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES} ${A_UNPARSED_ARGUMENTS})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${A_LINKS})
    if(A_PURE)
        set_property(GLOBAL APPEND PROPERTY KHU_PURE_LIBRARIES ${name})
    endif()
endfunction()

# khu_program(NAME SOURCES... LINKS...)
function(khu_program name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${A_SOURCES} ${A_UNPARSED_ARGUMENTS})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${A_LINKS})
endfunction()

# khu_test(NAME SOURCES... LINKS... [LABELS unit|sim|e2e|house] [SANITIZE address thread]
#          [SANITIZE_ARGS ...] [NEEDS targets...] [TIMEOUT seconds]):
# one gtest program, one ctest entry.
#   LABELS         what kind of test it is (default: by its folder: sim, e2e, house, else unit).
#   SANITIZE       the sanitizers under which tools/test runs it a second time. Name `thread` where
#                  threads meet, `address` where bytes of strangers are read. Without it: address for
#                  tests of core, config and plugins, thread for those of the daemon, both for the
#                  agent's, none for the others. SANITIZE none: never.
#   SANITIZE_ARGS  arguments of that second run, e.g. --gtest_filter=-Slow.* or a smaller number of seeds.
#   NEEDS          programs that it starts (khud, khu-agent): built whenever it is.
function(khu_test name)
    cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINKS;LABELS;SANITIZE;SANITIZE_ARGS;NEEDS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${A_LINKS} GTest::gmock GTest::gtest_main)
    khu_tell_folders(${name})
    if(A_NEEDS)
        add_dependencies(${name} ${A_NEEDS})
    endif()
    khu_test_room(room)
    if(NOT A_LABELS)
        khu_label_of_room(A_LABELS ${room})
    endif()
    if(NOT A_SANITIZE)
        khu_sanitizers_of_room(A_SANITIZE ${room})
    endif()
    set(arguments)
    if(KHU_SANITIZE)
        set(arguments ${A_SANITIZE_ARGS})
    endif()
    khu_check(${name} COMMAND ${name} ${arguments} LABELS ${A_LABELS} TIMEOUT ${A_TIMEOUT})
    khu_sanitize(${name} "${A_SANITIZE}" ${name})
endfunction()

# khu_sanitize(TEST "sanitizers" TARGETS...): marks TEST as one that runs under them, with these built.
function(khu_sanitize test sanitizers)
    foreach(sanitizer ${sanitizers})
        if(KHU_SANITIZE MATCHES "${sanitizer}")
            set_property(GLOBAL APPEND PROPERTY KHU_SANITIZED_TESTS ${ARGN})
            set_property(TEST ${test} APPEND PROPERTY LABELS sanitized)
        endif()
    endforeach()
endfunction()

# KHU_SOURCE_DIR, KHU_SHARED_DIR and KHU_BIN_DIR, for the tests of a folder in which some file names
# them: ccache shares what is compiled between clones only where no path of the clone is in the
# command. A test that begins to use one needs cmake to run again (touch its CMakeLists.txt).
function(khu_tell_folders name)
    file(GLOB texts ${CMAKE_CURRENT_SOURCE_DIR}/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/*.h
        ${CMAKE_CURRENT_SOURCE_DIR}/../*.h ${CMAKE_SOURCE_DIR}/tests/support/*.h)
    set(KHU_SOURCE_DIR ${CMAKE_SOURCE_DIR})
    set(KHU_SHARED_DIR ${CMAKE_SOURCE_DIR}/../shared)
    set(KHU_BIN_DIR ${CMAKE_BINARY_DIR}/bin)
    foreach(text ${texts})
        file(STRINGS ${text} lines REGEX "KHU_(SOURCE|SHARED|BIN)_DIR")
        string(REGEX MATCHALL "KHU_(SOURCE|SHARED|BIN)_DIR" folders "${lines}")
        list(APPEND named ${folders})
    endforeach()
    list(REMOVE_DUPLICATES named)
    foreach(folder ${named})
        target_compile_definitions(${name} PRIVATE ${folder}="${${folder}}")
    endforeach()
endfunction()

# khu_check(NAME COMMAND... LABELS... [TIMEOUT seconds]): one ctest entry that is no gtest program.
function(khu_check name)
    cmake_parse_arguments(A "" "TIMEOUT" "COMMAND;LABELS" ${ARGN})
    if(NOT A_TIMEOUT)
        set(A_TIMEOUT 120)
    endif()
    if(KHU_SANITIZE)
        math(EXPR A_TIMEOUT "${A_TIMEOUT} * 4")   # sanitizers cost 2 to 10 times
    endif()
    add_test(NAME ${name} COMMAND ${A_COMMAND})
    # 77 is automake's "skipped": a test that lacks root or namespaces says so, and is counted as such.
    set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT} LABELS "${A_LABELS}"
        SKIP_RETURN_CODE 77 ENVIRONMENT "${KHU_SANITIZER_OPTIONS}")
endfunction()

# The folder of tests/ that is being read: core, wire, daemon, sim, e2e, ...
function(khu_test_room result)
    file(RELATIVE_PATH where ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
    string(REGEX REPLACE "/.*" "" room "${where}")
    set(${result} ${room} PARENT_SCOPE)
endfunction()

function(khu_label_of_room result room)
    if(room MATCHES "^(sim|e2e|house)$")
        set(${result} ${room} PARENT_SCOPE)
    else()
        set(${result} unit PARENT_SCOPE)
    endif()
endfunction()

function(khu_sanitizers_of_room result room)
    if(room MATCHES "^(core|config|plugins)$")
        set(${result} address PARENT_SCOPE)
    elseif(room STREQUAL "agent")
        set(${result} address thread PARENT_SCOPE)
    elseif(room STREQUAL "daemon")
        set(${result} thread PARENT_SCOPE)
    else()
        set(${result} none PARENT_SCOPE)
    endif()
endfunction()

# Called once, after all folders: `sanitized_tests` builds what runs under this preset's sanitizers.
function(khu_finish_tests)
    get_property(tests GLOBAL PROPERTY KHU_SANITIZED_TESTS)
    add_custom_target(sanitized_tests)
    if(tests)
        add_dependencies(sanitized_tests ${tests})
    endif()
endfunction()

# khu_benchmark(NAME SOURCES... LINKS...): one Google Benchmark program. NAME ends in _bench, by which
# tools/bench finds it.
function(khu_benchmark name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${A_LINKS} benchmark::benchmark)
endfunction()

# khu_fuzz(NAME SOURCES... LINKS... [CORPUS folder]): one parser of strangers' bytes, as
# LLVMFuzzerTestOneInput. The fuzz preset (clang) makes a libFuzzer program of it; every other preset
# makes a test that runs it over CORPUS and over changes of each file, so that it is never forgotten.
function(khu_fuzz name)
    cmake_parse_arguments(A "" "CORPUS" "SOURCES;LINKS" ${ARGN})
    if(NOT A_CORPUS)
        set(A_CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    endif()
    khu_program(${name} SOURCES ${A_SOURCES} LINKS ${A_LINKS})
    if(KHU_FUZZ)
        target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # A copy takes what is found; the corpus in the tree grows only by hand.
        set(found ${CMAKE_BINARY_DIR}/corpus/${name})
        file(MAKE_DIRECTORY ${found})
        khu_check(${name} LABELS fuzz TIMEOUT 120
            COMMAND ${name} -max_total_time=60 -timeout=5 -print_final_stats=1 ${found} ${A_CORPUS})
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
        khu_check(${name} LABELS unit COMMAND ${name} ${A_CORPUS})
        khu_sanitize(${name} address ${name})
    endif()
endfunction()
