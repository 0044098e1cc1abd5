# What `make install` puts where. The static library stays in the build folder: to link it, a user
# would need the very OpenBLAS that the shared one carries inside.
include(CMakePackageConfigHelpers)

install(TARGETS cull EXPORT cull LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/cull DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET cull_cli)
  install(TARGETS cull_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # the command prints its own manual pages and completion; it still lies in the build folder here
  install(CODE "execute_process(COMMAND sh ${CMAKE_SOURCE_DIR}/tools/gen_man.sh $<TARGET_FILE:cull_cli>
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/man COMMAND_ERROR_IS_FATAL ANY)")
  install(DIRECTORY ${CMAKE_BINARY_DIR}/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${CMAKE_BINARY_DIR}/man/bash/cull DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_BINARY_DIR}/man/zsh/_cull DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
if(TARGET cull_mpi)
  install(TARGETS cull_mpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES share/micro3.csv DESTINATION ${CMAKE_INSTALL_DATADIR}/cull)
install(FILES LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The prefix is told from where cull.pc lies, so that the tree may be installed anywhere and moved.
file(RELATIVE_PATH CULL_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/cull.pc.in cull.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/cull.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT cull NAMESPACE cull:: FILE cullTargets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cull)
configure_package_config_file(cmake/cullConfig.cmake.in cullConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cull NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cullConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cullConfig.cmake ${CMAKE_BINARY_DIR}/cullConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cull)
