lvsd_unit_test(director_test
  connection_table_test.cc
  director_ipv6_test.cc
  director_defence_test.cc
  director_fragments_test.cc
  director_ftp_test.cc
  director_hairpin_test.cc
  director_ip_options_test.cc
  director_lifecycle_test.cc
  director_links_test.cc
  director_lookahead_test.cc
  director_methods_test.cc
  director_options_test.cc
  director_peers_test.cc
  director_orphans_test.cc
  director_paths_test.cc
  director_persistence_test.cc
  director_probe_test.cc
  director_reassembled_test.cc
  director_retired_test.cc
  director_sctp_test.cc
  director_segments_test.cc
  director_services_test.cc
  dry_run_test.cc
  recorder_test.cc
  rate_estimator_test.cc
  sctp_state_test.cc
  tcp_state_test.cc
  timer_wheel_test.cc
  LIBS lvsd_test_support lvsd_config)
# With an operator new of its own.
lvsd_unit_test(dry_run_cost_test dry_run_cost_test.cc LIBS lvsd_test_support lvsd_config)
