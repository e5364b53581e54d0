lvsd_unit_test(ctl_live_test
  ctl_status_test.cc
  ctl_top_test.cc
  LIBS lvsd_ctl)
