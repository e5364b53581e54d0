lvsd_unit_test(netlink_tests
  announcer_live_test.cc
  announcer_test.cc
  kernel_tables_test.cc
  network_live_test.cc
  rtnetlink_test.cc
  LIBS lvsd_io)
