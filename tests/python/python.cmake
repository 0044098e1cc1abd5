# The Python package: `ctest -R python`. Plain builds only: an interpreter cannot load a sanitized library.
if(NOT CULL_SANITIZE)
  add_test(NAME python COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/run.sh
    ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR} $<TARGET_FILE:cull>)
  add_test(NAME python.wheel COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/wheel.py
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}-wheel) # beside it: at one depth compiler caches see the same paths
  set_tests_properties(python python.wheel PROPERTIES LABELS quick TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
