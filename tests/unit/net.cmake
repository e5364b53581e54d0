lvsd_unit_test(net_test
  address_test.cc
  checksum_test.cc
  packet_view_test.cc
  packet_view_v6_test.cc
  siphash_test.cc
  wire_test.cc
  LIBS lvsd_core lvsd_test_support
)
