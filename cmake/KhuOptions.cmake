# Language level, warnings, sanitizers and build speed, once for every target.
option(KHU_BUILD_TESTS "Build the tests" ON)
option(KHU_BUILD_BENCHMARKS "Build the benchmarks" OFF)
set(KHU_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")
option(KHU_FUZZ "Build the libFuzzer targets (clang only)" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(KHU_CCACHE ccache)
if(KHU_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${KHU_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${KHU_CCACHE})
endif()
find_program(KHU_MOLD mold)
if(KHU_MOLD)
    add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                    -Wnon-virtual-dtor -Werror=return-type -Werror=switch
                    -Wno-missing-field-initializers)   # designated initialisers name what matters
if(KHU_SANITIZE)
    add_compile_options(-fsanitize=${KHU_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${KHU_SANITIZE})
    if(KHU_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
    if(KHU_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-tsan)   # 939 times: Boost.Asio has fences, which TSan does not see
        # Without optimising it no longer sees that a switch over all enumerators always returns.
        add_compile_options(-Wno-return-type -Wno-error=return-type)
    endif()
    # What ctest gives to every test: a finding ends the program and is never overlooked.
    set(KHU_SANITIZER_OPTIONS
        "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
        "UBSAN_OPTIONS=print_stacktrace=1" "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:die_after_fork=0")
endif()
