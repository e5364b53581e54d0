lvsd_unit_test(config_test
  config_broken_test.cc
  config_check_against_test.cc
  config_diff_test.cc
  config_document_test.cc
  config_health_test.cc
  config_load_test.cc
  config_network_test.cc
  LIBS lvsd_config)
