lvsd_unit_test(health_test
  health_agent_test.cc
  health_history_test.cc
  health_pool_test.cc
  health_service_history_test.cc
  health_track_test.cc
  probe_text_test.cc
  LIBS lvsd_core lvsd_test_support
)
