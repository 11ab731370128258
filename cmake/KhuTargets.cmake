# The five kinds of target of this project. A target reads like a row of the table of libraries.

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

# khu_test(NAME SOURCES... LINKS... [TIMEOUT seconds]): one gtest program, one ctest entry.
function(khu_test name)
    cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${A_LINKS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE
        KHU_SOURCE_DIR="${CMAKE_SOURCE_DIR}" KHU_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared"
        KHU_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    add_test(NAME ${name} COMMAND ${name})
    if(NOT A_TIMEOUT)
        set(A_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT})
endfunction()

# khu_benchmark(NAME SOURCES... LINKS...): one Google Benchmark program.
function(khu_benchmark name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${A_LINKS} benchmark::benchmark)
endfunction()
