def get_all_passes():
    return {}
