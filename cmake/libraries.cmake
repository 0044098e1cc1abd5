# The libraries that cull stands on. Debian names: libopenblas-openmp-dev libdnnl-dev zlib1g-dev
# libzstd-dev libsimdjson-dev libxxhash-dev libsqlite3-dev; for boosted trees libxgboost-dev, where images are read libpng-dev
# libjpeg62-turbo-dev (+ libcmocka-dev for the tests).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)

# OpenBLAS in its OpenMP build, linked into the library statically: the shared name libopenblas.so.0 may be another
# build on the user's machine, and only this one is safe from several threads at once. Programs of tests have it beside them,
# made of the same archive (cull_blas): in each of some hundreds it would take 25 MB and half a second.
find_library(CULL_OPENBLAS NAMES libopenblas.a PATH_SUFFIXES openblas-openmp REQUIRED)
get_filename_component(CULL_OPENBLAS_KIND ${CULL_OPENBLAS} DIRECTORY)
if(NOT CULL_OPENBLAS_KIND MATCHES "openmp")
  message(WARNING "${CULL_OPENBLAS} may not be OpenBLAS's OpenMP build (libopenblas-openmp-dev); others are not safe from several threads")
endif()
find_path(CULL_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp REQUIRED)
find_library(CULL_GFORTRAN NAMES gfortran libgfortran.so.5 REQUIRED)
find_library(CULL_GOMP NAMES gomp libgomp.so.1 PATHS /usr/lib/gcc/${CMAKE_LIBRARY_ARCHITECTURE}/12 REQUIRED)

add_library(cull_libraries INTERFACE)
target_include_directories(cull_libraries SYSTEM INTERFACE ${CULL_CBLAS_INCLUDE})
target_link_libraries(cull_libraries INTERFACE PkgConfig::SIMDJSON PkgConfig::ZLIB PkgConfig::ZSTD
  PkgConfig::SQLITE ${CULL_GOMP} Threads::Threads m)

# libdnnl's own CMake files ask for OpenCL, so it is found by hand
set(CULL_HAVE_DNNL 0)
if(CULL_WITH_DNNL)
  find_library(CULL_DNNL dnnl)
  find_path(CULL_DNNL_INCLUDE oneapi/dnnl/dnnl.h)
  if(CULL_DNNL AND CULL_DNNL_INCLUDE)
    set(CULL_HAVE_DNNL 1)
    target_include_directories(cull_libraries SYSTEM INTERFACE ${CULL_DNNL_INCLUDE})
    target_link_libraries(cull_libraries INTERFACE ${CULL_DNNL})
  else()
    message(STATUS "oneDNN was not found: OpenBLAS does all matrix products")
  endif()
endif()
target_compile_definitions(cull_libraries INTERFACE CULL_HAVE_DNNL=${CULL_HAVE_DNNL})

# images of folders: optional, each by itself
foreach(image PNG JPEG)
  string(TOLOWER lib${image} module)
  pkg_check_modules(${image} QUIET IMPORTED_TARGET ${module})
  set(CULL_HAVE_${image} 0)
  if(${image}_FOUND)
    set(CULL_HAVE_${image} 1)
    target_link_libraries(cull_libraries INTERFACE PkgConfig::${image})
  else()
    message(STATUS "${module} was not found: ${image} files are refused")
  endif()
endforeach()
set_source_files_properties(src/io/image.c PROPERTIES COMPILE_DEFINITIONS
  "CULL_HAVE_PNG=${CULL_HAVE_PNG};CULL_HAVE_JPEG=${CULL_HAVE_JPEG}")

# by pkg-config: the package's own CMake files ask for a program that no package has
set(CULL_HAVE_XGBOOST 0)
if(CULL_WITH_XGBOOST)
  pkg_check_modules(XGBOOST IMPORTED_TARGET xgboost)
  if(XGBOOST_FOUND)
    set(CULL_HAVE_XGBOOST 1)
    target_link_libraries(cull_libraries INTERFACE PkgConfig::XGBOOST)
  else()
    message(STATUS "XGBoost was not found: no boosted trees (libxgboost-dev has it)")
  endif()
endif()
target_compile_definitions(cull_libraries INTERFACE CULL_HAVE_XGBOOST=${CULL_HAVE_XGBOOST})

# its header alone: the library is loaded when a study on a server is opened
set(CULL_HAVE_POSTGRES 0)
if(CULL_WITH_POSTGRES)
  pkg_check_modules(POSTGRES QUIET libpq>=14)
  if(POSTGRES_FOUND)
    set(CULL_HAVE_POSTGRES 1)
    target_link_libraries(cull_libraries INTERFACE ${CMAKE_DL_LIBS})
  else()
    message(STATUS "libpq was not found: no studies on PostgreSQL (libpq-dev has it)")
  endif()
endif()
set_source_files_properties(src/search/store_postgres.c src/search/store_postgres_open.c PROPERTIES
  COMPILE_DEFINITIONS CULL_HAVE_POSTGRES=${CULL_HAVE_POSTGRES} INCLUDE_DIRECTORIES "${POSTGRES_INCLUDE_DIRS}")

file(STRINGS ${CULL_CBLAS_INCLUDE}/openblas_config.h CULL_OPENBLAS_VERSION REGEX "OPENBLAS_VERSION")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" CULL_OPENBLAS_VERSION "${CULL_OPENBLAS_VERSION}")
set_source_files_properties(src/base/version.c PROPERTIES COMPILE_DEFINITIONS
  "CULL_OPENBLAS_VERSION=\"${CULL_OPENBLAS_VERSION}\";CULL_SIMDJSON_VERSION=\"${SIMDJSON_VERSION}\"")
