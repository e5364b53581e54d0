# Debian wants manual pages and documents compressed, without a time stamp; and a changelog.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/changelog ${share}/doc/lvsd/changelog.Debian)
file(CHMOD ${share}/doc/lvsd/changelog.Debian
     PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(GLOB pages ${share}/man/man*/*.[1-9])
execute_process(COMMAND gzip -9nf ${pages} ${share}/doc/lvsd/changelog.Debian ${share}/doc/lvsd/NEWS
                COMMAND_ERROR_IS_FATAL ANY)
