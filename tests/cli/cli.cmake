# The command from outside: `ctest -R cli`. A case is cases/NAME.sh with what it must print.
file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/cases/*.sh)
foreach(f ${files})
  get_filename_component(n ${f} NAME_WE)
  add_test(NAME cli.${n} COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/run.sh $<TARGET_FILE:cull_cli> ${n})
  set_tests_properties(cli.${n} PROPERTIES LABELS quick TIMEOUT 120)
endforeach()
add_test(NAME cli.bad_inputs COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/bad_inputs.sh $<TARGET_FILE:cull_cli>)
add_test(NAME cli.docs COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/docs.sh $<TARGET_FILE:cull_cli> ${CMAKE_SOURCE_DIR})
set_tests_properties(cli.bad_inputs cli.docs PROPERTIES LABELS quick TIMEOUT 300)
if(NOT CULL_SANITIZE) # what they hold is in the contracts, unit.stage and unit.parts; here time and memory are real
  add_test(NAME cli.plan_holds COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/plan.sh $<TARGET_FILE:cull_cli>)
  set_tests_properties(cli.plan_holds PROPERTIES LABELS full TIMEOUT 600)
  add_test(NAME cli.kill COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/kill.sh $<TARGET_FILE:cull_cli>)
  add_test(NAME cli.search_kill COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/search_kill.sh $<TARGET_FILE:cull_cli>)
  add_test(NAME cli.search_processes COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/search_processes.sh $<TARGET_FILE:cull_cli>)
  set_tests_properties(cli.search_kill cli.search_processes PROPERTIES LABELS quick TIMEOUT 120)
  add_test(NAME cli.mpi COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/mpi.sh $<TARGET_FILE:cull_cli> ${CMAKE_SOURCE_DIR})
  set_tests_properties(cli.kill cli.mpi PROPERTIES LABELS full SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()
add_test(NAME cli.zsh COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/zsh.sh $<TARGET_FILE:cull_cli>)
add_test(NAME cli.terminal COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/terminal.sh $<TARGET_FILE:cull_cli>)
set_tests_properties(cli.zsh cli.terminal PROPERTIES LABELS quick SKIP_RETURN_CODE 77 TIMEOUT 60)

# What the pages of docs/ show is what the command prints; a page that is wrong is found out.
file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
set(shown)
foreach(f ${pages})
  file(STRINGS ${f} console REGEX "^```console" LIMIT_COUNT 1)
  if(console)
    list(APPEND shown ${f})
  endif()
endforeach()
add_test(NAME docs.pages
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/run_docs.py $<TARGET_FILE:cull_cli> ${shown})
add_test(NAME docs.wrong_page
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/run_docs.py $<TARGET_FILE:cull_cli> ${CMAKE_CURRENT_LIST_DIR}/wrong_page.md)
set_tests_properties(docs.pages docs.wrong_page PROPERTIES LABELS quick TIMEOUT 300)
if(NOT CULL_SANITIZE) # an interpreter cannot load a sanitized library
  add_test(NAME docs.python
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/run_docs.py $<TARGET_FILE:cull_cli> ${CMAKE_SOURCE_DIR}/docs/python.md)
  set_tests_properties(docs.python PROPERTIES LABELS quick TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
set_tests_properties(docs.wrong_page PROPERTIES PASS_REGULAR_EXPRESSION "3 of 7 differ")
