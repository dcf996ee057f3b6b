// Nothing: the target that this belongs to makes what other targets reuse (tests/CMakeLists.txt).
