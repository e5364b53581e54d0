lvsd_unit_test(control_test
  bounded_list_test.cc
  control_connections_test.cc
  control_list_test.cc
  control_request_test.cc
  explanation_test.cc
  plan_test.cc
  LIBS lvsd_control lvsd_test_support lvsd_config)
