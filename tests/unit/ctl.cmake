lvsd_unit_test(ctl_test
  check_test.cc
  compare_test.cc
  convert_keepalived_test.cc
  convert_ldirectord_test.cc
  convert_test.cc
  decode_test.cc
  junit_test.cc
  link_layer_test.cc
  make_packet_test.cc
  pcap_test.cc
  pcapng_test.cc
  LIBS lvsd_ctl lvsd_test_support nlohmann_json::nlohmann_json)
lvsd_unit_test(realserver_test realserver_address_test.cc realserver_test.cc LIBS lvsd_realserver)
lvsd_unit_test(doctor_test
  doctor_frames_test.cc
  doctor_questions_test.cc
  doctor_ruleset_test.cc
  doctor_test.cc
  LIBS lvsd_doctor)
target_include_directories(doctor_test PRIVATE ${PROJECT_SOURCE_DIR}/src)
