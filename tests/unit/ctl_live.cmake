lvsd_unit_test(ctl_live_test
  connections_json_test.cc
  ctl_status_test.cc
  ctl_top_test.cc
  json_layout_test.cc
  LIBS lvsd_ctl)
