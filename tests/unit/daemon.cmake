lvsd_unit_test(daemon_test
  control_socket_test.cc
  daemon_exposure_test.cc
  daemon_options_test.cc
  daemon_overload_test.cc
  daemon_overrides_test.cc
  overrides_file_test.cc
  peer_test.cc
  daemon_reload_test.cc
  event_test.cc
  daemon_retire_test.cc
  health_keeper_test.cc
  man_test.cc
  metrics_server_test.cc
  metrics_test.cc
  pace_test.cc
  LIBS lvsd_doctor lvsd_daemon lvsd_test_support spdlog::spdlog)
