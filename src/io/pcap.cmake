# Capture files, a library of their own: lvsctl needs no other edge.
add_library(lvsd_pcap STATIC pcap_reader.cc pcap_writer.cc pcapng_writer.cc)
target_link_libraries(lvsd_pcap PUBLIC lvsd_core PRIVATE lvsd_warnings PkgConfig::PCAP)
