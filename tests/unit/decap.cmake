lvsd_unit_test(decap_test decap_test.cc LIBS lvsd_decap_core)
